"""How well the labels of a potential cover what is simulated with it.

A reference labels cells of tens of atoms; the replica has hundreds or thousands. Whether the small cells are twins of the
replica is asked atom by atom: how far is its environment from the nearest one that a training frame holds, and is that
farther than the environments of cells that were never trained on?
"""
