// embed_pkg: why embed refused an id. The numbers are what cause_o carries.
package embed_pkg;
  typedef enum logic [1:0] {
    CauseNone = 2'd0,
    CauseId   = 2'd1,  // not a row of the table
    CauseRow  = 2'd2,  // no values, values not a multiple of Lanes, or more than a row holds
    CauseBase = 2'd3   // base not a multiple of 64
  } cause_e;
endpackage
