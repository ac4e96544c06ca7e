"""One file a change, never edited once released; each knows the one before."""
