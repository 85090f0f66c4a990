"""Campaigns: a whole file of a province is worked off within what a national platform allows, and can be resumed."""
