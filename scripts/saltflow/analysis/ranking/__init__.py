"""The ranking: every composition with a status and, where it has a conductivity, its rank."""
