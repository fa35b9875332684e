"""What people see: tables, progress, colour and plots. The command line decides when."""
