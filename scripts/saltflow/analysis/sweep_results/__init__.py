"""The results of a whole sweep as one document: what the results page shows."""
