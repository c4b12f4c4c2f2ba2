# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Finds expressions of Swift that mix bit operators with wrapping ones (or, with + and -, & | ^) and no parentheses between
# them. Swift gives & the rank of *, and | and ^ that of +, which is neither C's order nor what a reader expects:
# "a &- b & mask" is a &- (b & mask), and "a + b & mask" is a + (b & mask).
#
# It reads tokens, not Swift: an expression ends at a delimiter, at an operator of lower rank, and at the end of a line that
# no operator continues.

function forget() { bit[depth] = other[depth] = "" }

function open_context(kind) { context[++depth] = kind; forget() }

function close_context() {
    if (depth > 0) depth--
    return context[depth + 1]
}

function complain() {
    printf "%s:%d: error: \"%s\" and \"%s\" in one expression without parentheses\n", FILENAME, FNR, other[depth], bit[depth]
    found = 1
    forget()
}

# A binary operator that was read.
function take(operator) {
    if (operator ~ /^(&|\||\^|<<|>>|&<<|&>>)$/) bit[depth] = operator
    else if (operator ~ /^(&[-+*]|[-+])$/) other[depth] = operator
    else if (operator !~ /^[*\/%]$/) forget()
    if (bit[depth] == "" || other[depth] == "") return
    # With a shift, which ranks above everything, + and - can be read in one way only: 1 << 12 - 1.
    if (other[depth] ~ /^&/ || bit[depth] !~ /^(<<|>>)$/) complain()
}

# Skips to the end of a string, from `place` on; a "\(" in it opens a context, behind whose end the string goes on.
function skip_string(place,    rest) {
    while (place <= length($0)) {
        if (hashes == "" && substr($0, place, 1) == "\\") {
            if (substr($0, place + 1, 1) == "(") {
                quotes[depth + 1] = quote
                open_context("string")
                quote = ""
                return place + 2
            }
            place += 2
            continue
        }
        if (substr($0, place, length(quote hashes)) == quote hashes) {
            place += length(quote hashes)
            quote = ""
            return place
        }
        place++
    }
    return place
}

FNR == 1 {
    depth = 0
    context[0] = "{"
    quote = ""
    continues = 0
    forget()
}

{
    place = 1
    is_first = 1
    while (place <= length($0)) {
        if (quote != "") {
            place = skip_string(place)
            is_first = 0
            continue
        }
        character = substr($0, place, 1)
        if (character == " " || character == "\t") { place++; continue }
        if (substr($0, place, 2) == "//") break
        rest = substr($0, place)
        isOperator = match(rest, /^[-+*\/%&|^<>=!~.?]+/)
        if (isOperator) operator = substr(rest, 1, RLENGTH)
        if (is_first && context[depth] == "{" && !continues && (!isOperator || substr(rest, RLENGTH + 1, 1) != " ") && character != ".")
            forget()
        is_first = 0
        if (isOperator) {
            before = place == 1 ? " " : substr($0, place - 1, 1)
            after = substr(rest, RLENGTH + 1, 1)
            isBoundLeft = before !~ /[ \t(\[{,;:]/
            isBoundRight = after != "" && after !~ /[ \t)\]},;:]/
            continues = isBoundLeft == isBoundRight
            if (continues) take(operator)
            place += RLENGTH
            continue
        }
        continues = 0
        if (match(rest, /^#*"/)) {
            hashes = substr(rest, 1, RLENGTH - 1)
            quote = substr(rest, RLENGTH, 3) == "\"\"\"" ? "\"\"\"" : "\""
            place += length(hashes quote)
        } else if (character == "`") {
            end = index(substr(rest, 2), "`")
            place += end ? end + 1 : 1
        } else if (match(rest, /^[A-Za-z_0-9$@#]+/)) {
            word = substr(rest, 1, RLENGTH)
            if (word ~ /^(return|in|if|guard|while|where|else|case|let|var|as|is|switch|for|throw)$/) forget()
            place += RLENGTH
        } else {
            if (character ~ /[(\[{]/) open_context(character)
            else if (character ~ /[)\]}]/) {
                if (close_context() == "string") quote = quotes[depth + 1]
            } else if (character ~ /[,;:]/) {
                forget()
                continues = character == ","
            }
            place++
        }
    }
    # A string ends with its line unless it has three quotes.
    if (quote == "\"") quote = ""
}

END { exit found }
