"""How the motions of polyanions drive the ions: runs with some of them frozen beside free runs."""
