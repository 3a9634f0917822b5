"""Grafana's dashboards as code: each module describes one, `python -m grafana` writes them as JSON."""
