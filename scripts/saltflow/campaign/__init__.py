"""The campaign: settings, tables, checks, and the files of every job. Imports base to materials."""
