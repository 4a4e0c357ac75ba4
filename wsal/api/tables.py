"""Tables for terminals and notebooks, with all rows and columns and three decimals."""

import polars as pl


def as_text(table: pl.DataFrame) -> str:
    """The table as text."""
    with _shown_whole():
        return str(table)


def as_html(table: pl.DataFrame) -> str:
    """The table as HTML."""
    with _shown_whole():
        return str(table._repr_html_())


def _shown_whole() -> pl.Config:
    return pl.Config(
        float_precision=3,
        fmt_str_lengths=100,
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=160,
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
    )
