"""Reference methods: one module per code, behind the functions of `labelling`."""
