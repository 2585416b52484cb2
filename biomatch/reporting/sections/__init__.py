"""What each section of the report says: sentences and tables of a result."""
