"""Tables for spreadsheets: CSV and XLSX files that are written piece by piece."""
