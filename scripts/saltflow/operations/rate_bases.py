"""Where a rate of config/calibration.tsv comes from."""

MEASURED, PUBLISHED, ASSUMED = "measured", "published", "assumed"
BASES = (MEASURED, PUBLISHED, ASSUMED)
UNMEASURED = (PUBLISHED, ASSUMED)  # not with this workflow: by others, or by nobody
