"""Where the mobile ions are, and how their density connects through the periodic cell."""
