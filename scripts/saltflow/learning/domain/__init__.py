"""Domain of a potential: do the simulated cells resemble the labelled ones, atom by atom?

A reference labels cells of tens of atoms; replicas have hundreds or thousands. For every atom, the distance of its
environment to the nearest training environment is compared with the distances of held-out environments.
"""
