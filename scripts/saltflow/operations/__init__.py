"""Around a run: plan, account, status, resume, archive, housekeeping. Imports base to dynamics."""
