"""Tables that people bring: csv and its kin, json, parquet, xlsx. Text stays text.

One reader for all of wsal: `read_table` gives a whole table, `chunks` gives it piece by piece, and
both give the same rows.
"""

from wsal.files.kinds import existing_file
from wsal.files.options import TableOptions
from wsal.files.table import NumberedTable, numbered_table, read_table

__all__ = ["NumberedTable", "TableOptions", "existing_file", "numbered_table", "read_table"]
