"""Real servers for the end-to-end tests: started on free loopback ports, ended by pid."""
