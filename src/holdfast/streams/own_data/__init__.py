"""Your own data: folders of images, and tables with text, numbers, categories and dates."""

# Where new code belongs:
#
# options            what users may say about their data
# files              which files are data
# digests            a digest of data, by which changed files are recognised
# table              rows and columns as they were read, and where each row comes from
# table_files        CSV, Parquet and JSON files
# folders            folders of images, and folders of tables
# roles              what each column is used for
# values             columns as numbers, dates and labels
# missing            missing values
# windows            tasks of rows, by a column or by time
# unfitted           which rows are set aside for validation, so that nothing is fitted on them
# cut                which rows are test rows
# images             images as arrays
# sentence_encoder   texts as vectors of a pretrained network
# encoding           columns as inputs of a network
# cache              arrays on disk that take long to make
# reader             what was decided on the first data, applied to later ones
# examples           labels, tasks and inputs of all rows
# from_files         streams from all of these
