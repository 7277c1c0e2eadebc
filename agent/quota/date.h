/* Days and dates of the proleptic Gregorian calendar, for years from 1 on. Pure. */
#ifndef REEVE_QUOTA_DATE_H
#define REEVE_QUOTA_DATE_H

#include <stdbool.h>
#include <stdint.h>

#define DATE_DAY_S 86400

struct date {
    int64_t year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
};

/* Days since 1970-01-01, and back. */
int64_t date_days(struct date date);
struct date date_of(int64_t days);

/* 0 is Sunday. */
int date_weekday(int64_t days);

bool date_is_leap(int64_t year);
int date_month_days(int64_t year, int month);

/* value / unit, rounded down also where value is negative. */
int64_t date_floor(int64_t value, int64_t unit);

#endif
