"""Every electrolyte of the table with a status and, where it conducts, its rank."""
