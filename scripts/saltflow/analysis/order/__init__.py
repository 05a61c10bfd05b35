"""Which measure of order predicts the conductivity, over all electrolytes of a sweep."""

from saltflow.analysis.order.electrolytes import Electrolyte, collect, descriptors_of
from saltflow.analysis.order.note import design_note
from saltflow.analysis.order.relation import relate

__all__ = ["Electrolyte", "collect", "descriptors_of", "design_note", "relate"]
