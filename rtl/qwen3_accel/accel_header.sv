// accel_header: reads the header of the image before a run and compares magic, format version and hardware hash.
//
// Latency:       the memory's and 5 cycles.
// Errors:        wrong_version_o or wrong_hash_o with done_o: the run must not begin.
module accel_header
  import accel_pkg::*;
(
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic [     63:0] image_i,
    input  logic [     63:0] hash_i,
    input  logic             start_i,
    output logic             busy_o,
    output logic             done_o,           // a pulse
    output logic             wrong_version_o,
    output logic             wrong_hash_o,
    output read_t            m_read_o,
    output logic             m_read_valid_o,
    input  logic             m_read_ready_i,
    input  logic [     95:0] s_beat_i,         // of two beats
    input  logic             s_last_i,
    input  logic             s_beat_valid_i
);
  localparam logic [63:0] Magic = 64'h1A_4D_4F_4F_4C_54_55_4C;  // "LUTLOOM", Ctrl-Z; bytes from the lowest
  localparam logic [31:0] Version = 32'd1;

  assign m_read_o = '{addr: image_i, bytes: 32'd64, tag: AuxHeader};
  always_ff @(posedge clk_i) begin
    done_o <= busy_o && s_beat_valid_i && s_last_i;
    if (s_beat_valid_i && !s_last_i) wrong_version_o <= s_beat_i[63:0] != Magic || s_beat_i[95:64] != Version;
    if (s_beat_valid_i && s_last_i) wrong_hash_o <= s_beat_i[63:0] != hash_i;
    if (!rst_ni) begin
      busy_o         <= 1'b0;
      m_read_valid_o <= 1'b0;
      done_o         <= 1'b0;
    end else begin
      if (start_i) begin
        busy_o         <= 1'b1;
        m_read_valid_o <= 1'b1;
      end else begin
        if (m_read_ready_i) m_read_valid_o <= 1'b0;
        if (s_beat_valid_i && s_last_i) busy_o <= 1'b0;
      end
    end
  end
endmodule
