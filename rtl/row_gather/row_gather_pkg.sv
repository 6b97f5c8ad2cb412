// row_gather_pkg: why row_gather refused a job. The numbers are what cause_o and the golden model carry.
package row_gather_pkg;
  typedef enum logic [2:0] {
    CauseNone      = 3'd0,
    CauseCode      = 3'd1,  // k_code or c_code names more than the elaborated maximum
    CausePositions = 3'd2,  // zero, or not a multiple of Lanes
    CauseAlign     = 3'd3,  // base or row_stride not a multiple of a beat, or offset not a multiple of a row
    CauseFetch     = 3'd4   // rows_per_fetch zero, past the end of the row set, or more beats than a lane can hold
  } cause_e;
endpackage
