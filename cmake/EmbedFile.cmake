# cmake -DINPUT=FILE -DOUTPUT=FILE.inc -P EmbedFile.cmake: the bytes of a file, as what stands between
# the braces of an array. Not a string literal: those have an end mark and a greatest length.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
# One line for each of the file.
string(REPLACE "0x0a," "0x0a,\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "${bytes}")
