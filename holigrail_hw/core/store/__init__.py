"""What is kept between runs: one folder, sealed files, kinds of entries."""
