/**
 * @file undocumented.h
 * One function without documentation: a check that takes this header checks nothing.
 */
#pragma once

/**
 * Doubles.
 *
 * @param number  of anything
 * @return twice as many
 */
int documented(int number);

int planted(int number);
