"""`kerya seed`: real listings, loaded through the public API as their hosts would."""
