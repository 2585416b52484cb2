"""FPIR at galleries larger than the tested one."""
