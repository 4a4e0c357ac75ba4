"""Tables in files: csv and similar text, JSON, Parquet, xlsx. All of wsal reads them here.

`read_table` returns a whole table and `table.chunks` a table in chunks, with the same rows. Values
of text formats stay text: "007" is not a number.
"""

from wsal.files.kinds import existing_file
from wsal.files.options import TableOptions
from wsal.files.table import NumberedTable, numbered_table, read_table

__all__ = ["NumberedTable", "TableOptions", "existing_file", "numbered_table", "read_table"]
