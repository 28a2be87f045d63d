"""Options of all RocksDBs of playfold: limits of memory and of open files."""

import rocksdict


def rocks_options(cache: rocksdict.Cache | None = None, write_buffer_bytes: int = 16 << 20) -> rocksdict.Options:
    """Return options of a database of bytes.

    Args:
        cache: A block cache shared with other databases; a small private one if left out.
        write_buffer_bytes: The size of a write buffer; a key written twice within one is flushed once.
    """
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)  # noqa: FBT003  rocksdict's own signature
    options.set_write_buffer_size(write_buffer_bytes)
    options.set_max_write_buffer_number(3)
    options.set_max_open_files(256)
    options.set_keep_log_file_num(2)
    table = rocksdict.BlockBasedOptions()
    table.set_bloom_filter(10, False)  # noqa: FBT003  rocksdict's own signature
    table.set_block_cache(cache or rocksdict.Cache(8 << 20))
    options.set_block_based_table_factory(table)
    return options
