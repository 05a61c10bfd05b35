"""MACE models evaluated on a CPU by compiled loops over edges and channels instead of tensors.

numba compiles the loops once per precision and kind of CPU, for all models (a minute), and keeps them beside the source
or in the user's cache. What a model brings is read when it is first evaluated (a second). So every run gains from them.
"""
