"""Programs that use heliostat, to read and to run."""
