"""What every environment promises, by subject: its task lists, episodes, rewards, lifetimes, sharing and README."""
