"""The kinds of scalar number formats, one file each."""
