#include "agent/quota/date.h"

/* Years begin in March here, so that the leap day is a year's last. */
#define MARCH_EPOCH  719468 /* days from 0000-03-01 to 1970-01-01 */
#define DAYS_400     146097 /* of 400 years */
#define EPOCH_MONDAY 3      /* 1970-01-01 was a Thursday: three days after a Monday */

int64_t date_floor(int64_t value, int64_t unit)
{
    return value / unit - (value % unit < 0);
}

int64_t date_days(struct date date)
{
    int64_t year = date.year - (date.month < 3);
    int month = date.month + (date.month < 3 ? 9 : -3);

    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + date.day - 1 -
           MARCH_EPOCH;
}

struct date date_of(int64_t days)
{
    int64_t cycle = (days + MARCH_EPOCH) / DAYS_400;
    int64_t rest = (days + MARCH_EPOCH) % DAYS_400;
    int64_t year = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
    int yearday = (int)(rest - (365 * year + year / 4 - year / 100));
    int month = (5 * yearday + 2) / 153;

    return (struct date){
        .year = 400 * cycle + year + (month >= 10),
        .month = month + (month < 10 ? 3 : -9),
        .day = yearday - (153 * month + 2) / 5 + 1,
    };
}

int date_weekday(int64_t days)
{
    int64_t weekday = (days + EPOCH_MONDAY + 1) % 7;

    return (int)(weekday < 0 ? weekday + 7 : weekday);
}

bool date_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int date_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && date_is_leap(year) ? 29 : days[month - 1];
}
