"""Records of a province, described once."""
