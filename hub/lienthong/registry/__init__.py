"""Catalogues of schemas and topics, gathered from installed packages."""
