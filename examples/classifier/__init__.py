"""The document classifier: actors named by topic that outlive the program which fed them."""
