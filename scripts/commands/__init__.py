"""What people type about a sweep: one module per command of `saltflow`, each with a click command named `command`."""
