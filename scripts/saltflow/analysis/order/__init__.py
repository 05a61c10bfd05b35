"""Which structural descriptors predict the conductivity, over all electrolytes of a sweep."""
