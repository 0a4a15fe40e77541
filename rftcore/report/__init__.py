"""What a person reads of a study: one HTML page that opens offline, and tables for the terminal.

Everything here is a pure function of a `Report` and of the stored trajectories: nothing is measured, rounded for
looks or left out in silence. `html.write_html` makes the page, `tables.print_tables` the tables, `findings.findings`
the plain sentences that both begin with. No plotting library, no template engine, no network.
"""
