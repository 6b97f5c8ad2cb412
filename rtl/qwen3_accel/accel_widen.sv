// accel_widen: accumulators, Words a beat, to lines of the frame; what a job has beyond its outputs is dropped.
//
// Latency:       1 cycle from the beat that fills a line. Throughput: one beat a cycle.
// Back-pressure: a beat is taken while the line in front has left or leaves.
//
// Parameters:
//   Lanes  values of a line
//   Words  32-bit values of a beat, a power of two up to Lanes
// Ports:
//   lines_i  of a job, stable from its first beat to its last; s_axis_tlast ends a job
module accel_widen
  import accel_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned Words = 2,
    localparam int unsigned LineBits = 32 * Lanes
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [   LineW-1:0] lines_i,
    input  logic [32*Words-1:0] s_axis_tdata,
    input  logic                s_axis_tlast,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    output logic [LineBits-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready
);
  localparam int unsigned Parts = Lanes / Words;
  localparam int unsigned PartW = $clog2(Parts);
  if (Words < 1 || Words > Lanes / 2 || Words != 1 << $clog2(Words))
    $error("%m: Words is %0d, allowed: powers of two up to %0d", Words, Lanes / 2);

  logic [Parts-1:0][32*Words-1:0] line_q;
  logic [PartW-1:0] part_q;
  logic [LineW-1:0] count_q;  // lines of the job before this one
  logic done_q;
  wire take = s_axis_tvalid && s_axis_tready;
  wire whole = part_q == '1 && !done_q;
  wire final_line = count_q == lines_i - LineW'(1);
  assign s_axis_tready = !m_axis_tvalid || m_axis_tready;
  assign m_axis_tdata = line_q;

  always_ff @(posedge clk_i) begin
    if (take && !done_q) begin
      line_q[part_q] <= s_axis_tdata;
      m_axis_tlast   <= final_line;
    end
    if (!rst_ni) begin
      m_axis_tvalid <= 1'b0;
      part_q        <= '0;
      count_q       <= '0;
      done_q        <= 1'b0;
    end else begin
      if (s_axis_tready) m_axis_tvalid <= take && whole;
      if (take) begin
        part_q  <= s_axis_tlast ? '0 : part_q + PartW'(1);
        count_q <= s_axis_tlast ? '0 : count_q + LineW'(whole);
        done_q  <= !s_axis_tlast && (done_q || (whole && final_line));
      end
    end
  end
endmodule
