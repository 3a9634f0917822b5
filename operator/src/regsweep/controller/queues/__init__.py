"""What is asked for and not waited for: passes, analyses, answers of Prometheus."""
