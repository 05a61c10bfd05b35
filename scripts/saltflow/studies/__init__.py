"""Studies of crystals around the same potentials: migration barriers. Imports base to learning."""
