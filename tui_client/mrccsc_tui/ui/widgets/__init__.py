"""The parts of the screens. Each shows what the store knows and says what the person wants; none asks the network."""
