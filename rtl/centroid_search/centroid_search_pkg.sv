// centroid_search_pkg: the distance measures of centroid_search.
package centroid_search_pkg;
  typedef enum int unsigned {
    Chebyshev = 0,  // max(|d0|, |d1|)
    L1        = 1,  // |d0| + |d1|
    L2        = 2   // d0^2 + d1^2
  } metric_e;

  // Bits of the largest distance between two signed ActW-bit points.
  function automatic int unsigned dist_width(input metric_e metric, input int unsigned act_w);
    case (metric)
      L1: return act_w + 1;
      L2: return 2 * act_w + 1;
      default: return act_w;
    endcase
  endfunction
endpackage
