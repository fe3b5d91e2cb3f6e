"""Apple's privacy postbacks: SKAdNetwork and AdAttributionKit received, proved, decoded."""
