"""Pages on which admins keep people, teams and the audit log, and everybody their own profile."""
