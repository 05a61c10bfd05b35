"""Alloys: glass-forming ability from composition, and the next alloys to make."""
