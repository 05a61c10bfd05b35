"""One composition with all that it was made from, in one file that can be checked and planned anywhere.

narrowing: the settings and rows that apply. contents: which files go in, under which names. facts: what is known of
the run beside them. crate, archive_readme: the description for machines and for people. zip_file: the file itself.
archiving: all of it together. verification: unpacking it elsewhere and planning it.
"""
