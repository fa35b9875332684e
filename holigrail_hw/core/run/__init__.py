"""Child processes: started in one way, ended in one way."""
